from setuptools import setup

setup()  # everything stands in setup.cfg; this file keeps `pip install -e .` working with older pips
