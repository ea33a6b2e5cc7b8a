//! The manual pages as the tools of packagers and readers see them.
