//! Guests that the tests load, hostile ones included
