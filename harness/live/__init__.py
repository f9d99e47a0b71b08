"""The live rung: guards before anything is created on AWS, and deletion afterwards."""
