"""A trained model as files for servers, phones and browsers; every export is checked against the Keras model."""
