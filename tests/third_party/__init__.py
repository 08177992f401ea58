"""What somebody wrote for twisted.mail, with its documentation open and without having heard of us."""
