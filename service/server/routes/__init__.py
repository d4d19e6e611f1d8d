"""The API's routes, one module per resource; each gives its handlers for the server's parts it is handed."""
