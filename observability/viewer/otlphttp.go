package viewer

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	contentProtobuf = "application/x-protobuf"
	contentJSON     = "application/json"
)

// maxJSONDepth bounds messages within messages in JSON. It is more than a record may have, so that only that one is refused.
const maxJSONDepth = 50_000

// messageBytes is about what one object of OTLP's JSON takes decoded.
const messageBytes = 128

// OTLPHandler receives OTLP/HTTP: POST /v1/traces, /v1/logs and /v1/metrics, as protobuf or JSON, plain or gzip. It
// answers in the request's encoding, an error as a Status. A body may have 8 MiB, before and after decompression. While
// other requests take too much memory, it answers 429.
func (v *Viewer) OTLPHandler() http.Handler {
	mux := http.NewServeMux()
	for _, s := range v.signals() {
		mux.HandleFunc("POST "+s.path, func(w http.ResponseWriter, r *http.Request) {
			contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
			if contentType != contentProtobuf && contentType != contentJSON {
				http.Error(w, fmt.Sprintf("content type %q is not supported: send %s or %s",
					contentType, contentProtobuf, contentJSON), http.StatusUnsupportedMediaType)
				return
			}
			response, code, err := v.exportHTTP(w, r, s, contentType)
			if err != nil {
				reason := codes.InvalidArgument
				if code == http.StatusTooManyRequests {
					reason = codes.ResourceExhausted
					w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
				}
				// It may quote the request, and a Status must be UTF-8.
				response = status.New(reason, strings.ToValidUTF8(err.Error(), "\uFFFD")).Proto()
			}
			writeExport(w, contentType, code, response)
		})
	}
	return mux
}

// exportHTTP returns the answer with its HTTP status, or an error with the status to answer it with.
func (v *Viewer) exportHTTP(w http.ResponseWriter, r *http.Request, s signal, contentType string) (proto.Message, int, error) {
	memory := claim{from: v.receiving}
	defer memory.release()
	data, code, err := readExport(w, r, &memory)
	if err != nil {
		return nil, code, err
	}
	if contentType == contentJSON {
		// Decoded, and encoded as protobuf.
		most := len(data) + messageBytes*bytes.Count(data, []byte("{"))
		if len(data)+most > maxReceivingBytes {
			return nil, http.StatusRequestEntityTooLarge, errors.New("the body has too many objects: send smaller batches")
		}
		if err := memory.take(most); err != nil {
			return nil, http.StatusTooManyRequests, err
		}
		if data, err = toProtobuf(data, s.newRequest()); err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("decode body: %w", err)
		}
	}
	response, err := s.export(data)
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("decode body: %w", err)
	}
	return response, http.StatusOK, nil
}

// readExport returns the body, decompressed. With an error it returns the HTTP status to answer with.
func readExport(w http.ResponseWriter, r *http.Request, memory *claim) ([]byte, int, error) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	switch encoding := r.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("decompress body: %w", err)
		}
		body = unzipped
	default:
		return nil, http.StatusUnsupportedMediaType,
			fmt.Errorf("content encoding %q is not supported: send gzip or none", encoding)
	}
	data, err := io.ReadAll(claimingReader{io.LimitReader(body, maxRequestBytes+1), memory})
	tooLarge := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &tooLarge) || len(data) > maxRequestBytes:
		return nil, http.StatusRequestEntityTooLarge,
			fmt.Errorf("the body exceeds %d bytes: send smaller batches", maxRequestBytes)
	case errors.Is(err, errBusy):
		return nil, http.StatusTooManyRequests, err
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("read body: %w", err)
	}
	return data, http.StatusOK, nil
}

// A claimingReader claims memory for what it reads.
type claimingReader struct {
	io.Reader
	memory *claim
}

func (r claimingReader) Read(into []byte) (int, error) {
	n, err := r.Reader.Read(into)
	if err := r.memory.take(n); err != nil {
		return 0, err
	}
	return n, err
}

func writeExport(w http.ResponseWriter, contentType string, code int, message proto.Message) {
	marshal := proto.Marshal
	if contentType == contentJSON {
		marshal = protojson.Marshal
	}
	data, err := marshal(message)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(data) // the sender went away; nobody is left to tell
}

// toProtobuf decodes OTLP's JSON into request, and encodes it. The JSON is protobuf's but for two rules of the OTLP
// specification: unknown fields are ignored, and trace and span ids are hexadecimal, not base64.
func toProtobuf(data []byte, request proto.Message) ([]byte, error) {
	decode := protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxJSONDepth}
	if err := decode.Unmarshal(data, request); err != nil {
		if err := decode.Unmarshal(cleanJSON(data), request); err != nil {
			return nil, err
		}
	}
	if err := fixHexIDs(request); err != nil {
		return nil, err
	}
	return proto.Marshal(request)
}

// cleanJSON replaces by U+FFFD what is no UTF-8, and the escapes of half a surrogate pair: SDKs in JavaScript, whose texts
// are UTF-16, cut them in the middle of one.
func cleanJSON(data []byte) []byte {
	data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		switch unit, ok := unicodeEscape(data[i:]); {
		case !ok:
			i++ // the escaped character may be a backslash
		case !utf16.IsSurrogate(unit):
			i += escapeLength - 1
		default:
			next, _ := unicodeEscape(data[i+escapeLength:])
			if utf16.DecodeRune(unit, next) == unicode.ReplacementChar {
				copy(data[i:], `\ufffd`)
				i += escapeLength - 1
			} else {
				i += 2*escapeLength - 1
			}
		}
	}
	return data
}

const escapeLength = len(`\u0000`)

// unicodeEscape returns the UTF-16 unit of the escape that data begins with, if it does.
func unicodeEscape(data []byte) (rune, bool) {
	if len(data) < escapeLength || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:escapeLength]), 16, 16)
	return rune(unit), err == nil
}

func fixHexIDs(request proto.Message) error {
	var broken error
	fix := func(id *[]byte) {
		fixed, err := hexID(*id)
		if err != nil {
			broken = err
		}
		*id = fixed
	}
	switch request := request.(type) {
	case *collectorpb.ExportTraceServiceRequest:
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					fix(&span.TraceId)
					fix(&span.SpanId)
					fix(&span.ParentSpanId)
					for _, link := range span.GetLinks() {
						fix(&link.TraceId)
						fix(&link.SpanId)
					}
				}
			}
		}
	case *logspb.ExportLogsServiceRequest:
		for _, resource := range request.GetResourceLogs() {
			for _, scope := range resource.GetScopeLogs() {
				for _, record := range scope.GetLogRecords() {
					fix(&record.TraceId)
					fix(&record.SpanId)
				}
			}
		}
	}
	return broken
}

// hexID undoes protojson's decoding of a hexadecimal id as base64. Nothing was lost of an id of the right length: hexadecimal
// digits are also base64 digits, and it has a multiple of four of them.
func hexID(id []byte) ([]byte, error) {
	digits := strings.TrimRight(base64.StdEncoding.EncodeToString(id), "=")
	decoded, err := hex.DecodeString(digits)
	if err == nil {
		return decoded, nil
	}
	if cut := len(digits) % 4; cut != 0 && !strings.ContainsFunc(digits[:len(digits)-1], isNoHex) {
		return []byte(digits), nil // its last digit was lost, but its length is wrong anyway, and so is this one's
	}
	return nil, fmt.Errorf("id %q: expected hexadecimal digits", digits)
}

func isNoHex(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
