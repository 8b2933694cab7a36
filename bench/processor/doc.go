// Package processor says what a benchmark runs on which processor, and what it
// took from it: threads are pinned, what the kernel receives is steered, time is
// read. A load and what carries it take turns on one processor; on two they do
// not, and what each takes can be told apart.
package processor
