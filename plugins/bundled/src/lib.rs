//! Builds the guests to components and embeds them
