"""What those who run the page ask of it: whether it lives, whether it is ready, how much it did."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse

from dawu_qa.web.api import RETRY_AFTER
from dawu_qa.web.desk import Desk


def health_router(desk: Desk) -> APIRouter:
    """Return the routes for those who run the page."""
    routes = APIRouter(tags=["state"])

    @routes.get("/healthz")
    async def alive() -> dict[str, str]:
        """Tell that the server runs."""
        return {"status": "ok"}

    @routes.get(
        "/readyz", responses={503: {"description": "The index or the encoder's model is being loaded."}}
    )
    async def ready() -> JSONResponse:
        """Tell whether questions are answered at once (200) or something is still being loaded (503)."""
        if desk.source.ready:
            return JSONResponse({"status": "ready", "index": (await desk.library()).fingerprint})
        return JSONResponse({"status": "loading"}, HTTPStatus.SERVICE_UNAVAILABLE, RETRY_AFTER)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={
            404: {"description": "The client of Prometheus (extra dawu-qa[metrics]) is not installed."}
        },
    )
    async def metrics() -> Response:
        """Return counters for Prometheus."""
        counters = desk.monitor.exposition()
        if counters is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(counters[0], media_type=counters[1])

    return routes
