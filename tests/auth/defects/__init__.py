"""One test for each defect of the gateway that this project replaces; `test_table` says where each one is."""
