// The web app starts here.
