import sys

from setuptools import setup

if "develop" in sys.argv:  # pip's old way, where the package wheel is there: it does not know package_dir of setup.cfg
    sys.exit("this would install no kerasbert.cli: use pip install --use-pep517 -e .")
setup()  # everything stands in setup.cfg
