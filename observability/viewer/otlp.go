package viewer

import (
	"context"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
)

func (v *Viewer) grpcServer() *grpc.Server {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxRequestBytes))
	collectorpb.RegisterTraceServiceServer(server, traceService{store: v.store})
	logspb.RegisterLogsServiceServer(server, logsService{logs: v.logs})
	metricspb.RegisterMetricsServiceServer(server, metricsService{})
	return server
}

// The services below are OTLP's. OTLP/HTTP calls the same methods as gRPC.

type traceService struct {
	collectorpb.UnimplementedTraceServiceServer
	store *store
}

// Export keeps the spans. The answer counts refused ones as OTLP's "partial success": the sender must not send them again.
func (s traceService) Export(
	_ context.Context, request *collectorpb.ExportTraceServiceRequest,
) (*collectorpb.ExportTraceServiceResponse, error) {
	response := &collectorpb.ExportTraceServiceResponse{}
	if refused, reason := s.store.add(request.GetResourceSpans()); refused > 0 {
		response.PartialSuccess = &collectorpb.ExportTracePartialSuccess{
			RejectedSpans: refused,
			ErrorMessage:  reason.Error(),
		}
	}
	return response, nil
}

type logsService struct {
	logspb.UnimplementedLogsServiceServer
	logs *logStore
}

// Export keeps the records, and counts those it refuses as the service above does.
func (s logsService) Export(
	_ context.Context, request *logspb.ExportLogsServiceRequest,
) (*logspb.ExportLogsServiceResponse, error) {
	response := &logspb.ExportLogsServiceResponse{}
	if refused, reason := s.logs.add(request.GetResourceLogs()); refused > 0 {
		response.PartialSuccess = &logspb.ExportLogsPartialSuccess{
			RejectedLogRecords: refused,
			ErrorMessage:       reason.Error(),
		}
	}
	return response, nil
}

// metricsService accepts metrics and discards them, so that exporters with the default settings work: metrics are
// scraped.
type metricsService struct {
	metricspb.UnimplementedMetricsServiceServer
}

func (metricsService) Export(
	context.Context, *metricspb.ExportMetricsServiceRequest,
) (*metricspb.ExportMetricsServiceResponse, error) {
	return &metricspb.ExportMetricsServiceResponse{}, nil
}
