// Package link is the contract between the dataplane and whatever moves its
// frames: a [Receiver] lends frames in batches, a [Sender] queues frames and
// flushes them once a batch, both straight from the memory in which the
// frames arrived.
//
// It owns the shape of a lent frame: headroom for a VLAN tag, the virtio_net
// header that describes checksum and segmentation offloads still to be done
// (virtio 1.2, 5.1.6), and the VLAN tag that the kernel took out. It owns no
// socket: afpacket and memlink do.
package link
