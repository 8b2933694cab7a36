// Package arptest has a segment for tests of what speaks ARP: an [arp.Socket]
// with nobody at its other end but the test.
package arptest
