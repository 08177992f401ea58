"""The long loops: killed again and again, nothing that was answered is lost."""
