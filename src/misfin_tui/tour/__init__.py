"""The tour of the demo: ten steps that a person does, in the program itself."""
