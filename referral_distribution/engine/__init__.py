"""Plain Python the models stand on: no ORM, no clock, no database of its own."""
