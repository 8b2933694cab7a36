// Package bench is the result of a benchmark: what was measured, on which
// machine, and what that says.
//
// A [Run] holds one [Series] for each thing that was measured, with every sample
// in the order of time. [Rounds] measures all cases once, then all again: figures
// of a shared machine drift by the hour, so only those of one run, side by side,
// are compared, by medians and spread. [Compare] says what two runs differ in
// beyond that noise. Files are JSON, read strictly and by version.
//
// What is measured is not here: bench/path measures the forward path in process,
// bench/wire the running director on a LAN.
// bench/report draws.
package bench
