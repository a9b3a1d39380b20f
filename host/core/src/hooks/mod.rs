//! Hook adapters: an agent's hook input becomes events and, where it gates, a call; a verdict becomes the agent's answer.
//!
//! Pure: reads bytes and returns values; the socket and the process's exit belong to the command line.
