package healthcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Values of HealthCheckResponse.ServingStatus (grpc/health/v1/health.proto).
const statusServing = 1

var servingNames = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

func servingName(status uint64) string {
	if status < uint64(len(servingNames)) {
		return servingNames[status]
	}
	return fmt.Sprintf("serving status %d", status)
}

// Wire types of protocol buffers (protobuf.dev, Encoding).
const (
	wireVarint, wireFixed64, wireBytes, wireFixed32 = 0, 1, 2, 5
)

// healthRequest is a HealthCheckRequest: the service is field 1. An empty one,
// the default, is not sent.
func healthRequest(service string) []byte {
	if service == "" {
		return nil
	}
	b := binary.AppendUvarint([]byte{1<<3 | wireBytes}, uint64(len(service)))
	return append(b, service...)
}

var errMessage = errors.New("an answer that is not a HealthCheckResponse")

// servingStatus reads field 1 of a HealthCheckResponse, passes over all others,
// and takes the last of several, as the encoding wants it.
func servingStatus(message []byte) (status uint64, err error) {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 {
			return 0, errMessage
		}
		value, rest, ok := skipField(message[n:], tag&7)
		if !ok || tag>>3 == 1 && tag&7 != wireVarint {
			return 0, errMessage
		}
		if tag>>3 == 1 {
			status = value
		}
		message = rest
	}
	return status, nil
}

// skipField returns what follows a field, and its value if that is a varint.
func skipField(b []byte, wire uint64) (value uint64, rest []byte, ok bool) {
	length := uint64(0)
	switch wire {
	case wireVarint, wireBytes:
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, nil, false
		}
		b = b[n:]
		if wire == wireVarint {
			return v, b, true
		}
		length = v
	case wireFixed64:
		length = 8
	case wireFixed32:
		length = 4
	default:
		return 0, nil, false
	}
	if length > uint64(len(b)) {
		return 0, nil, false
	}
	return 0, b[length:], true
}
