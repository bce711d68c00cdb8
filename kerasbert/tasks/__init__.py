"""What a task is: examples become rows, rows become outputs, outputs become answers."""
