package conntable

import "unsafe"

// A bucket is a cache line, or the layout is wrong.
var _ [bucketBytes]byte = [unsafe.Sizeof(bucket{})]byte{}
