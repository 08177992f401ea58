"""Who is measured: mailtwist and its peers, each as processes of their own on loopback."""
