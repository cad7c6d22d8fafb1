package scenario

// Decode is what Load does with a file's text.
var Decode = decode
