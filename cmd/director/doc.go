// Command director is a load balancer for direct routing in userspace, and
// everything around it.
//
// Each subcommand is one file, named like it. The exit code is 0 when it is
// done, 1 when what was asked for failed or is unhealthy, and 2 for wrong
// usage; errors are on standard error, each with "director: " before it, but
// for those of a configuration file, which begin with file:line:column.
//
// `director ipvsadm`, which is also the program when it is called by the name
// ipvsadm, has the exit codes and the messages of ipvsadm.
//
// links.go is the only place that names a backend for frames.
package main
