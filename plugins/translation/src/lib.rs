//! Translates foreign event dialects
