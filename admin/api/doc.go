// Package api is what a program can ask of a running director: the types, as
// they travel in JSON, and a client for the unix socket. It is all that the
// command line knows of a director. Over TCP (admin.listen) there is GET /v1/status
// alone.
//
//	GET  /v1/status   Status
//	POST /v1/reload   Reload
//	POST /v1/changes  Changes, answered by Changed
//	GET  /v1/connections?client=&vip=&server=&service=&state=&templates=
//	                  a stream of Connection, one a line; what ends it early
//	                  is an Error in its last line
//	GET  /v1/why?protocol=&client=&vip=
//	                  Why
//
// Fields are added, never renamed or taken away within v1. An error is an
// object Error with a status code of 4xx (the request) or 5xx (the director).
package api
