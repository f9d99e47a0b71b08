"""Test an EC2 CloudFormation stack on three rungs: unit, local, live."""
