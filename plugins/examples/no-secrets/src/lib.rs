//! A guard that denies commands and writes that carry credentials
