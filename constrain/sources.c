/* The digest of all C files, by which a library that was compiled from others is told. */
const char *constrain_sources(void);
const char *constrain_sources(void) { return SOURCES; }
