//! Runs models and says beforehand what they cost to run.
