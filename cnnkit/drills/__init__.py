"""Interview drills: a bank of questions, graders that name the mistake, and a memory."""
