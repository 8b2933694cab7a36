package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const procSys = "/proc/sys"

func errUnprivileged() error {
	return fmt.Errorf("change addresses and sysctls: %w: run it as root (sudo) or with CAP_NET_ADMIN", fs.ErrPermission)
}

// explainSysctl adds the remedy to an error of a file below /proc/sys.
func explainSysctl(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (a container?): run it on the host, or create the container with a writable /proc/sys or with "+
			"the settings themselves, as in docker run --sysctl net.ipv4.conf.all.arp_ignore=3 --sysctl net.ipv4.conf.all.arp_announce=2", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as root (sudo)", err)
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(procSys + "/net/ipv4/conf/all"); statErr != nil {
			return fmt.Errorf("%w: /proc is not mounted, or hides /proc/sys (subset=pid): mount -t proc proc /proc", err)
		}
	}
	return err
}

// explainStore adds the remedy to an error of the state directory.
func explainStore(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: make room there, or before the first apply name another directory with --state-dir: "+
			"what was there before is kept in it for undo", err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: make it writable, or before the first apply name another directory with --state-dir: "+
			"what was there before is kept in it for undo", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as root (sudo)", err)
	}
	return err
}

// explainTable names the table and adds the remedy to an error of nftables.
func explainTable(t Table, err error) error {
	needs := "nft_chain_nat, nft_redir, with CONFIG_NF_TABLES and CONFIG_NFT_REDIR"
	if t.Family == FamilyARP {
		needs = "nf_tables, with CONFIG_NF_TABLES_ARP"
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: run it as root (sudo) or with CAP_NET_ADMIN", err)
	case errors.Is(err, syscall.EBUSY):
		err = fmt.Errorf("%w: on Linux before 4.18 the module iptable_nat keeps nftables out: "+
			"remove it (modprobe -r iptable_nat), or use --method sysctl", err)
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.EAFNOSUPPORT),
		errors.Is(err, syscall.EINVAL), errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w: this kernel's nftables cannot do it: load its modules (modprobe -a nf_tables; %s), "+
			"or use --method sysctl, which needs none", err, needs)
	}
	return fmt.Errorf("nftables: table %s: %w", t.id(), err)
}

// explainRules adds the remedy to an error of reading what nftables has.
func explainRules(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run it as root (sudo) or with CAP_NET_ADMIN", err)
	}
	return fmt.Errorf("nftables: read the rules: %w", err)
}

// explainFile adds the remedy to an error of a file that the next boot reads.
func explainFile(err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (a container, or an immutable system?): without --persist apply works, and has to be run again after every boot; "+
			"apply --persist --print shows what the image would have to contain", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as root (sudo)", err)
	}
	return err
}
