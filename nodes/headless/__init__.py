"""What runs without the graph editor: a workflow for every row of a table, a check of the installation, the spending."""
