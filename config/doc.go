// Package config reads director.yaml. It owns the grammar of that file: which
// keys there are, what their values may be, what stands in for a key that is
// left out, and which combinations make no sense. Out of a file comes an
// immutable [Config] or all of its mistakes at once, as [Errors] that say
// where each one is and what would be right.
//
// A Config is a blueprint: nothing here opens a socket or looks at the host,
// and the same text gives an equal Config everywhere. What only the host can
// tell (whether an interface exists, whose address a VIP is) is checked by
// [Config.CheckHost] against a description of the host that the caller fills.
// Which schedulers and checks exist is asked of their packages.
//
// What ipvsadm changes while a director runs is changed by an [Editor], which
// judges it as if it stood in the file; [Merge] keeps it when the file is read
// again. Both make another Config and leave the one they were given.
//
// The text is YAML 1.2 (https://yaml.org/spec/1.2.2/), one document, without
// anchors, aliases, merge keys and tags: a line means what it says where it
// stands. docs/configuration.md is the users' description of it.
package config
