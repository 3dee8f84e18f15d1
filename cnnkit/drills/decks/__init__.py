"""The decks: one file a chapter and topic, named chNN_topic.py, each with a list of drills named DECK."""
