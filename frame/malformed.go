package frame

// Malformed says what is wrong with a frame.
type Malformed uint8

// OK: nothing is wrong.
const OK Malformed = 0
