"""The gateway: which server behind us is for whom, how we log in there, how two sides become one."""
