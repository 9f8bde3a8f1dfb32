"""Hair, brows, lashes, teeth, beards, clothes, hats and glasses in MakeHuman's file formats."""
