"""Policy back ends: each answers an observation and an instruction with a chunk."""
