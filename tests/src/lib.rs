//! Builds the guests that the tests run, and says where they are.
