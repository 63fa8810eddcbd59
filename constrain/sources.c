/* The digest of all C files, by which a library that was compiled from others is told. */
const char *sources(void);
const char *sources(void) { return SOURCES; }
