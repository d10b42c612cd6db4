package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

// Of <linux/sock_diag.h> and <linux/inet_diag.h>.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
)

type diagID struct {
	From, To             [2]byte // ports, big end first
	FromAddress          [16]byte
	ToAddress            [16]byte
	Interface            uint32
	CookieLow, CookieTop uint32
}

type diagRequest struct {
	Family, Protocol, Extension, _ uint8
	States                         uint32
	ID                             diagID
}

// diagInode is where struct inet_diag_msg, behind the message's header, has the inode.
const diagInode = syscall.NLMSG_HDRLEN + 4 + int(unsafe.Sizeof(diagID{})) + 4*4

// inodeOf asks the kernel for one socket, by both its addresses. The table in /proc/net/tcp would do as well, but it is
// read as a whole: thousands of lines for every connection.
func inodeOf(local, remote *net.TCPAddr) (uint32, error) {
	s, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(s)
	if err := syscall.Sendto(s, question(local, remote), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(s, answer, 0)
	if err != nil {
		return 0, err
	}
	if n < diagInode+4 || binary.NativeEndian.Uint16(answer[4:]) == syscall.NLMSG_ERROR {
		return 0, fmt.Errorf("no socket from %s to %s", local, remote)
	}
	return binary.NativeEndian.Uint32(answer[diagInode:]), nil
}

func question(local, remote *net.TCPAddr) []byte {
	r := diagRequest{Family: syscall.AF_INET, Protocol: syscall.IPPROTO_TCP, States: ^uint32(0)}
	binary.BigEndian.PutUint16(r.ID.From[:], uint16(local.Port))
	binary.BigEndian.PutUint16(r.ID.To[:], uint16(remote.Port))
	copy(r.ID.FromAddress[:], local.IP.To4())
	copy(r.ID.ToAddress[:], remote.IP.To4())
	r.ID.CookieLow, r.ID.CookieTop = ^uint32(0), ^uint32(0)
	body := unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	b := binary.NativeEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, sockDiagByFamily)
	b = binary.NativeEndian.AppendUint16(b, syscall.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint64(b, 1) // sequence, and nobody's port
	return append(b, body...)
}
