//! Prices usage, and signs and checks what was agreed.
