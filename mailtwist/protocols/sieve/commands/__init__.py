"""The commands of ManageSieve that need no scripts, one file each.  rfc5804#2"""
