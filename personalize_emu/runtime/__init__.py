"""What is answered live (recommendations, rankings) and what is heard live (events)."""
