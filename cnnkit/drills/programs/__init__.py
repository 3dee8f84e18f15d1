"""Programs that code and bug drills show, written as learners write them, without annotations."""
