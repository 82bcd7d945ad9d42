from django.db import migrations, models


class Migration(migrations.Migration):
    """Release 4 does not write it any more."""

    dependencies = [("releases", "0002_expand_add_title")]
    operations = [
        migrations.AlterField("Badge", "name", models.CharField(max_length=100, db_default="")),
    ]
