"""Builder of the default face model from MakeHuman's CC0 head; users of the model never need it."""
