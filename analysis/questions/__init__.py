"""Questions: the analysis of each type of question other than the five grades, and which of them a file asks for."""
