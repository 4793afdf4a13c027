"""Workflows that something was bought for, and what the history is looked up by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workflows",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("shape", sa.String(64), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("graph", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_workflows"),
    )
    op.create_index("ix_purchases_began", "purchases", ["realm", "began"])
    op.create_index("ix_pictures_digest", "pictures", ["digest"])


def downgrade() -> None:
    op.drop_index("ix_pictures_digest", "pictures")
    op.drop_index("ix_purchases_began", "purchases")
    op.drop_table("workflows")
