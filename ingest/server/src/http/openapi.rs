//! `/openapi.json`: the interface described for machines.

use axum::Json;
use utoipa::OpenApi;

/// The description (OpenAPI 3.1).
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trạm",
        description = "Readings, alarms and warnings of a network of stations. All times are \
            RFC 3339 in UTC; values are in the unit that stands beside them."
    ),
    paths(
        super::board::stations,
        super::board::latest,
        super::board::live,
        super::history::history,
        super::gaps::gaps,
        super::quarantine::quarantine,
        super::sinks::sinks,
        super::orders::siren,
        super::orders::orders,
        super::alarms::alarms,
        super::alarms::acknowledge,
        super::alarms::shelve,
        super::deciding::approve,
        super::deciding::reject,
        super::deciding::all_clear,
        super::deciding::withdraw,
        super::deciding::draft,
        super::drills::drills,
        super::drills::begin,
        super::audit::audit,
        super::foreign::foreign,
        super::act::show,
        super::act::act,
        super::act::opened,
        super::receipts::receipts,
        super::receipts::channels,
        super::receipts::arrived,
        super::cap::feed,
        super::cap::message,
        super::health::healthz,
        super::health::readyz,
        super::metrics::metrics,
    )
)]
struct Description;

pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        for path in [
            "/healthz",
            "/readyz",
            "/metrics",
            "/api/v1/stations",
            "/api/v1/latest",
            "/api/v1/live",
            "/api/v1/history",
            "/api/v1/gaps",
            "/api/v1/quarantine",
            "/api/v1/sinks",
            "/api/v1/stations/{id}/siren",
            "/api/v1/orders",
            "/api/v1/alarms",
            "/api/v1/alarms/{id}/ack",
            "/api/v1/alarms/{id}/shelve",
            "/api/v1/alarms/{id}/approve",
            "/api/v1/alarms/{id}/reject",
            "/api/v1/alarms/{id}/all-clear",
            "/api/v1/alarms/{id}/withdraw",
            "/api/v1/alarms/{id}/draft",
            "/api/v1/drills",
            "/api/v1/audit",
            "/api/v1/foreign-alerts",
            "/act/{token}",
            "/act/{token}/opened",
            "/api/v1/alarms/{id}/receipts",
            "/api/v1/channels",
            "/api/v1/channels/{channel}/arrived",
            "/cap/alerts.atom",
            "/cap/{file}",
        ] {
            assert!(description["paths"][path].is_object(), "{path}");
        }
        assert_eq!(description["info"]["license"]["name"], "Apache-2.0");
    }
}
