package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	request "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
)

var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

func setGates(t *testing.T, gates map[string]bool) {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		t.Fatal(err)
	}
}

// accept does what the API server does with a new object under strict field validation, which kubectl asks for: decode,
// set defaults, convert, drop what is disabled, validate.
func accept(manifest string) (*autoscaling.HorizontalPodAutoscaler, error) {
	decoded, kind, err := codecs.UniversalDeserializer().Decode([]byte(manifest), nil, nil)
	if err != nil {
		return nil, err
	}
	legacyscheme.Scheme.Default(decoded)
	converted, err := legacyscheme.Scheme.ConvertToVersion(decoded, autoscaling.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	autoscaler, ok := converted.(*autoscaling.HorizontalPodAutoscaler)
	if !ok {
		return nil, fmt.Errorf("%s is not a HorizontalPodAutoscaler", kind)
	}
	rest.FillObjectMetaSystemFields(autoscaler)
	if autoscaler.Namespace == "" {
		autoscaler.Namespace = "default"
	}
	// From 1.36 on, validation asks which version of the API the object came in.
	ctx := request.WithRequestInfo(context.Background(), &request.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIGroup: kind.Group, APIVersion: kind.Version, Resource: "horizontalpodautoscalers",
	})
	ctx = request.WithNamespace(ctx, autoscaler.Namespace)
	if err := rest.BeforeCreate(horizontalpodautoscaler.Strategy, ctx, autoscaler); err != nil {
		return nil, err
	}
	return autoscaler, nil
}

func encode(t *testing.T, autoscaler *autoscaling.HorizontalPodAutoscaler) json.RawMessage {
	stored, err := runtime.Encode(codecs.LegacyCodec(autoscalingv2.SchemeGroupVersion), autoscaler)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func decode(t *testing.T, stored json.RawMessage) *autoscalingv2.HorizontalPodAutoscaler {
	var found autoscalingv2.HorizontalPodAutoscaler
	if err := json.Unmarshal(stored, &found); err != nil {
		t.Fatal(err)
	}
	return &found
}
