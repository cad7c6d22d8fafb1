package viewer

import (
	"context"
	"errors"
	"fmt"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// maxReceivingBytes bounds the memory of all requests that are received at the same time, over HTTP and gRPC: nobody has to
// log in. It is enough for eight of the largest.
const maxReceivingBytes = 8 * maxRequestBytes

// retryAfter is when the sender of a request that found no memory should try again.
const retryAfter = time.Second

var errBusy = errors.New("other requests take all memory for receiving: send this one again later")

// A claim is the part of maxReceivingBytes that one request has taken.
type claim struct {
	from  *semaphore.Weighted
	bytes int64
}

// take does not wait, because whoever waits holds memory, too.
func (c *claim) take(n int) error {
	if !c.from.TryAcquire(int64(n)) {
		return errBusy
	}
	c.bytes += int64(n)
	return nil
}

func (c *claim) release() { c.from.Release(c.bytes) }

// A signal is one kind of telemetry. OTLP has the same service for each.
type signal struct {
	path    string // of OTLP/HTTP
	service string // of OTLP/gRPC
	// export keeps what an encoded request holds. The answer counts what was refused as OTLP's "partial success": the
	// sender must not send it again. With an error, the request cannot be decoded.
	export func(request []byte) (proto.Message, error)
	// newRequest is for requests as JSON.
	newRequest func() proto.Message
}

func (v *Viewer) signals() []signal {
	return []signal{
		{
			"/v1/traces", collectorpb.TraceService_ServiceDesc.ServiceName, v.exportTraces,
			func() proto.Message { return &collectorpb.ExportTraceServiceRequest{} },
		},
		{
			"/v1/logs", logspb.LogsService_ServiceDesc.ServiceName, v.exportLogs,
			func() proto.Message { return &logspb.ExportLogsServiceRequest{} },
		},
		{
			"/v1/metrics", metricspb.MetricsService_ServiceDesc.ServiceName, exportMetrics,
			func() proto.Message { return &metricspb.ExportMetricsServiceRequest{} },
		},
	}
}

func (v *Viewer) exportTraces(request []byte) (proto.Message, error) {
	refused, err := receive(request, v.store)
	response := &collectorpb.ExportTraceServiceResponse{}
	if refused.records > 0 {
		response.PartialSuccess = &collectorpb.ExportTracePartialSuccess{
			RejectedSpans: refused.records, ErrorMessage: refused.reason.Error(),
		}
	}
	return response, err
}

func (v *Viewer) exportLogs(request []byte) (proto.Message, error) {
	refused, err := receive(request, v.logs)
	response := &logspb.ExportLogsServiceResponse{}
	if refused.records > 0 {
		response.PartialSuccess = &logspb.ExportLogsPartialSuccess{
			RejectedLogRecords: refused.records, ErrorMessage: refused.reason.Error(),
		}
	}
	return response, err
}

// exportMetrics accepts metrics and discards them, so that exporters with the default settings work: metrics are scraped.
func exportMetrics(request []byte) (proto.Message, error) {
	parts := 0
	return &metricspb.ExportMetricsServiceResponse{}, checkEnvelope(request, &parts)
}

func (v *Viewer) grpcServer() *grpc.Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.MaxConcurrentStreams(16), // a message is decompressed before its size is known and can be claimed
		grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2(grpcproto.Name)}),
	)
	for _, s := range v.signals() {
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: s.service,
			Methods: []grpc.MethodDesc{{
				MethodName: "Export",
				Handler: func(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
					return v.exportGRPC(s, read)
				},
			}},
		}, nil)
	}
	return server
}

func (v *Viewer) exportGRPC(s signal, read func(any) error) (proto.Message, error) {
	var request []byte
	if err := read(&request); err != nil {
		return nil, err
	}
	memory := claim{from: v.receiving}
	defer memory.release()
	if memory.take(len(request)) != nil {
		// Without RetryInfo, OTLP's senders would drop the request.
		busy, err := status.New(codes.ResourceExhausted, errBusy.Error()).WithDetails(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
		if err != nil {
			return nil, err
		}
		return nil, busy.Err()
	}
	response, err := s.export(request)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, fmt.Sprintf("decode request: %v", err))
	}
	return response, nil
}

// rawCodec leaves requests encoded.
type rawCodec struct{ encoding.CodecV2 }

// Unmarshal copies data, which gRPC uses again, into a *[]byte.
func (c rawCodec) Unmarshal(data mem.BufferSlice, into any) error {
	if raw, ok := into.(*[]byte); ok {
		*raw = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, into)
}
